import { call } from "../model/calls.js";

const logOut = document.getElementById("log-out");
if (logOut) {
  logOut.addEventListener("click", async () => {
    const answer = await call("POST", "/api/logout", {});
    location.assign(answer.next);
  });
  logOut.disabled = false;
}
