// What the pages about accounts and tokens have in common: refusals in their place, and buttons that revoke.
import { call, part } from "../model/calls.js";
import { allWithin, notice, wordsOf } from "../model/elements.js";

/** @type {(place: HTMLElement, work: () => Promise<void>) => Promise<void>} */
export async function refuseIn(place, work) {
  place.hidden = true;
  try {
    await work();
  } catch (error) {
    place.textContent = wordsOf(error);
    place.hidden = false;
  }
}

export function revokeByButtons() {
  for (const button of allWithin(document, "button.revoke", HTMLButtonElement)) {
    button.addEventListener("click", async () => {
      const row = button.closest("tr");
      button.disabled = true;
      try {
        await call("DELETE", `/api/account/tokens/${part(row?.dataset.token ?? "")}`, {});
        row?.remove();
      } catch (error) {
        notice(wordsOf(error), "bad");
        button.disabled = false;
      }
    });
  }
}
