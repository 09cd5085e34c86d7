import { call, part } from "../model/calls.js";
import { allWithin, at } from "../model/elements.js";
import { ready } from "../model/ready.js";
import { refuseIn, revokeByButtons } from "../elements/tokens.js";

const refusal = at("refusal");
/** @type {(row: HTMLElement) => string} */
const address = (row) => `/api/accounts/${part(row.dataset.name ?? "")}`;

/** @type {(name: string, link: string) => void} */
function showLink(name, link) {
  at("whose").textContent = name;
  at("link").textContent = link;
  at("made").hidden = false;
  at("made").scrollIntoView({ block: "nearest" });
}

at("add").addEventListener("submit", (event) => {
  event.preventDefault();
  refuseIn(refusal, async () => {
    /** @type {{ name: string, link: string }} */
    const { name, link } = await call("POST", "/api/accounts", {
      name: at("name", HTMLInputElement).value, role: at("role", HTMLSelectElement).value,
    });
    showLink(name, link);
    at("add", HTMLFormElement).reset();
  });
});

for (const row of allWithin(document, "#accounts tbody tr", HTMLElement)) {
  const { name = "", role, open } = row.dataset;
  /** @type {(body: { role?: string, is_open?: boolean }) => Promise<void>} */
  const change = (body) => refuseIn(refusal, async () => {
    await call("PATCH", address(row), { role, is_open: open === "yes", ...body });
    location.reload();
  });
  const [chosen] = allWithin(row, ".role", HTMLSelectElement);
  chosen?.addEventListener("change", () => change({ role: chosen.value }));
  row.querySelector(".open")?.addEventListener("click", () => change({ is_open: open !== "yes" }));
  row.querySelector(".link")?.addEventListener("click", () => refuseIn(refusal, async () => {
    /** @type {{ link: string }} */
    const { link } = await call("POST", `${address(row)}/link`, {});
    showLink(name, link);
  }));
  // The first click asks, the second does it: what is removed is gone.
  const [remove] = allWithin(row, ".remove", HTMLButtonElement);
  remove?.addEventListener("click", () => {
    if (remove.dataset.asked) refuseIn(refusal, async () => { await call("DELETE", address(row), {}); location.reload(); });
    remove.dataset.asked = "yes";
    remove.textContent = "Remove for good";
  });
}
revokeByButtons();
ready();
