import { call } from "../model/calls.js";

document.getElementById("log-out")?.addEventListener("click", async () => {
  const answer = await call("POST", "/api/logout", {});
  location.assign(answer.next);
});
