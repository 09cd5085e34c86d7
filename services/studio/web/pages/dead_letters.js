import { call, part } from "../model/calls.js";
import { allWithin, notice, within, wordsOf } from "../model/elements.js";
import { ready } from "../model/ready.js";

for (const section of allWithin(document, ".letters", HTMLElement)) {
  const boxes = allWithin(section, "input[type=checkbox]", HTMLInputElement);
  const replay = within(section, ".replay", HTMLButtonElement);
  within(section, ".all").addEventListener("click", () => { for (const box of boxes) box.checked = true; });
  replay.addEventListener("click", async () => {
    const letters = boxes.filter((box) => box.checked).map((box) => box.value);
    if (letters.length === 0) {
      notice("Tick the letters that are to be put back", "bad");
      return;
    }
    replay.disabled = true;
    try {
      /** @type {{ replayed: number }} */
      const { replayed } = await call("POST", `/api/dead-letters/${part(section.dataset.service ?? "")}/replay`, { letters });
      notice(`${replayed} put back`);
      for (const box of boxes.filter((each) => each.checked)) box.closest("li")?.remove();
    } catch (error) {
      notice(wordsOf(error), "bad");
    }
    replay.disabled = false;
  });
}
ready();
