/** @import { Next } from "../../types/answers.d.ts" */
import { call } from "../model/calls.js";
import { perhaps } from "../model/elements.js";

const logOut = perhaps("log-out", HTMLButtonElement);
if (logOut) {
  logOut.addEventListener("click", async () => {
    /** @type {Next} */
    const answer = await call("POST", "/api/logout", {});
    location.assign(answer.next);
  });
  logOut.disabled = false;
}
