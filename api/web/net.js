// Requests to our own server. An answer that is not good becomes an Error with the server's own sentence.

const TIMEOUT_MS = 10000;

async function answer(response) {
  const body = await response.json().catch(() => ({}));
  if (!response.ok) {
    const error = new Error(body.detail ?? `HTTP ${response.status}`);
    error.status = response.status;
    throw error;
  }
  return body;
}

export async function get(path) {
  return answer(await fetch(path, { headers: { accept: "application/json" }, signal: AbortSignal.timeout(TIMEOUT_MS) }));
}

export async function post(path, body) {
  return answer(
    await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }),
  );
}

/** The health page answers 503 when something is wrong; its body is what we came for. */
export async function getHealth() {
  const response = await fetch("/health", { signal: AbortSignal.timeout(TIMEOUT_MS) });
  return response.json();
}
