import { call, part } from "../model/calls.js";
import { notice } from "../model/elements.js";
import { ready } from "../model/ready.js";

const DAY_S = 86_400;

for (const form of document.querySelectorAll("form.acknowledge")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const row = form.closest("tr"), button = form.querySelector("button");
    const { note, silence } = form.elements;
    button.disabled = true;
    try {
      const asked = { note: note.value, silence_s: silence.checked ? DAY_S : 0 };
      const said = await call("POST", `/api/alerts/${part(row.dataset.alert)}/acknowledge`, asked);
      row.querySelector(".noted").textContent = `by ${said.acknowledged_by}${said.note ? `: ${said.note}` : ""}`;
    } catch (error) {
      notice(error.message, "bad");
      button.disabled = false;
    }
  });
}
ready();
