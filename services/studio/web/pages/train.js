import { call, dataOf } from "../model/calls.js";
import { element } from "../model/elements.js";
import { ready } from "../model/ready.js";

const about = dataOf("about");
const fields = [...document.querySelectorAll(".field")];
const requestId = crypto.randomUUID();

function valueOf(field) {
  const text = field.querySelector("input, select").value;
  if (field.dataset.kind === "number") return text === "" ? null : Number(text);
  return field.dataset.kind === "flag" ? text === "true" : text;
}

for (const field of fields) {
  const standing = JSON.parse(field.dataset.default);
  const input = field.querySelector("input, select");
  input.value = String(standing ?? "");
  input.addEventListener("input", () => {
    field.classList.toggle("changed", valueOf(field) !== standing);
    document.getElementById("refusal").hidden = true;
  });
}

document.getElementById("train")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const refusal = document.getElementById("refusal");
  refusal.hidden = true;
  const changed = fields.filter((field) => field.classList.contains("changed") && valueOf(field) !== null);
  try {
    const answer = await call("POST", "/api/training", {
      ...about, request_id: requestId, values: Object.fromEntries(changed.map((field) => [field.dataset.key, valueOf(field)])),
    });
    location.assign(answer.next);
  } catch (error) {
    refusal.replaceChildren(element("span", { textContent: error.message }));
    refusal.hidden = false;
  }
});
ready();
