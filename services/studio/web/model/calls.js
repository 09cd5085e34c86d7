// Calls of the studio's own API: JSON both ways, refusals as errors with the server's words.
import { at } from "./elements.js";

export class Refused extends Error {
  /** @param {number} status @param {{ error?: string, path?: string, offset?: number }} answer */
  constructor(status, answer) {
    super(answer.error ?? `the studio answered ${status}`);
    this.status = status;
    this.answer = answer;
  }
}

// What is answered is declared where it is used, and is `unknown` until then.
/**
 * @template [Answer=unknown]
 * @param {string} method
 * @param {string} address
 * @param {unknown} [body]
 * @returns {Promise<Answer>}
 */
export async function call(method, address, body) {
  const isFile = body instanceof Blob;
  const response = await fetch(address, {
    method,
    headers: body === undefined || isFile ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : isFile ? body : JSON.stringify(body),
  });
  if (response.status === 401) location.assign("/login");
  if (!response.ok) throw new Refused(response.status, await response.json().catch(() => ({})));
  return response.json(); // rejects where the connection broke in its middle, which is no answer
}

export const part = encodeURIComponent;

// What the page was sent with.
/**
 * @template [Data=unknown]
 * @param {string} id
 * @returns {Data}
 */
export function dataOf(id) {
  return JSON.parse(at(id).textContent);
}
