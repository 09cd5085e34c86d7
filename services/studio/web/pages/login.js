// A link's token stands behind the #, which browsers send to no server; it is handed over once and removed from the address.
/** @import { Next } from "../../types/answers.d.ts" */
import { call } from "../model/calls.js";
import { at, perhaps, wordsOf } from "../model/elements.js";
import { ready } from "../model/ready.js";

const state = at("state");

/** @type {(address: string, body: Record<string, string>) => Promise<void>} */
async function logIn(address, body) {
  try {
    /** @type {Next} */
    const answer = await call("POST", address, body);
    location.replace(answer.next);
  } catch (error) {
    state.textContent = wordsOf(error);
    state.className = "error";
    state.setAttribute("role", "alert");
  }
}

perhaps("by-password")?.addEventListener("submit", (event) => {
  event.preventDefault();
  logIn("/api/login/password", {
    name: at("name", HTMLInputElement).value, password: at("password", HTMLInputElement).value,
  });
});
ready();
const token = location.hash.slice(1);
if (token) {
  history.replaceState(null, "", "/login");
  await logIn("/api/login", { token });
}
