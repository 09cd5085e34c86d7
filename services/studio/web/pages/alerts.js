import { call, part } from "../model/calls.js";
import { allWithin, notice, within, wordsOf } from "../model/elements.js";
import { ready } from "../model/ready.js";

const DAY_S = 86_400;

for (const form of allWithin(document, "form.acknowledge", HTMLFormElement)) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const row = form.closest("tr"), button = within(form, "button", HTMLButtonElement);
    const note = within(form, "[name=note]", HTMLInputElement);
    const silence = within(form, "[name=silence]", HTMLInputElement);
    if (!row) return;
    button.disabled = true;
    try {
      const asked = { note: note.value, silence_s: silence.checked ? DAY_S : 0 };
      /** @type {{ acknowledged_by: string, note: string }} */
      const said = await call("POST", `/api/alerts/${part(row.dataset.alert ?? "")}/acknowledge`, asked);
      within(row, ".noted").textContent = `by ${said.acknowledged_by}${said.note ? `: ${said.note}` : ""}`;
    } catch (error) {
      notice(wordsOf(error), "bad");
      button.disabled = false;
    }
  });
}
ready();
