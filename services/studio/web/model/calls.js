// Calls of the studio's own API: JSON both ways, refusals as errors with the server's words.

export class Refused extends Error {
  constructor(status, answer) {
    super(answer.error ?? `the studio answered ${status}`);
    this.status = status;
    this.answer = answer;
  }
}

export async function call(method, address, body) {
  const isFile = body instanceof Blob;
  const response = await fetch(address, {
    method,
    headers: body === undefined || isFile ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : isFile ? body : JSON.stringify(body),
  });
  const answer = await response.json().catch(() => ({}));
  if (response.status === 401) location.assign("/login");
  if (!response.ok) throw new Refused(response.status, answer);
  return answer;
}

export const part = encodeURIComponent;

export function dataOf(id) {
  return JSON.parse(document.getElementById(id).textContent);
}
