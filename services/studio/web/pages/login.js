// The token stands behind the #, which browsers send to no server; it is handed over once and removed from the address.
import { call } from "../model/calls.js";

const token = location.hash.slice(1);
if (token) {
  history.replaceState(null, "", "/login");
  const state = document.getElementById("state");
  try {
    const answer = await call("POST", "/api/login", { token });
    location.replace(answer.next);
  } catch (error) {
    state.textContent = error.message;
    state.className = "error";
  }
}
