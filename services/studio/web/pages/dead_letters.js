import { call, part } from "../model/calls.js";
import { notice } from "../model/elements.js";
import { ready } from "../model/ready.js";

for (const section of document.querySelectorAll(".letters")) {
  const boxes = [...section.querySelectorAll("input[type=checkbox]")];
  section.querySelector(".all").addEventListener("click", () => { for (const box of boxes) box.checked = true; });
  section.querySelector(".replay").addEventListener("click", async ({ target }) => {
    const letters = boxes.filter((box) => box.checked).map((box) => box.value);
    if (letters.length === 0) {
      notice("Tick the letters that are to be put back", "bad");
      return;
    }
    target.disabled = true;
    try {
      const { replayed } = await call("POST", `/api/dead-letters/${part(section.dataset.service)}/replay`, { letters });
      notice(`${replayed} put back`);
      for (const box of boxes.filter((each) => each.checked)) box.closest("li").remove();
    } catch (error) {
      notice(error.message, "bad");
    }
    target.disabled = false;
  });
}
ready();
