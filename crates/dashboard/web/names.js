// Names of functions, as Rust has them, in a shape that fits.

/** Without what stands in angle brackets, and of `<A as B>::c` only `A::c`. */
export function plainName(name) {
  let text = name.trim();
  if (text.startsWith("<")) text = qualified(text);
  let depth = 0;
  let plain = "";
  for (const letter of text) {
    if (letter === "<") depth += 1;
    if (depth === 0) plain += letter;
    if (letter === ">" && depth > 0) depth -= 1;
  }
  return plain.replaceAll("::::", "::") || name;
}

function qualified(text) {
  let depth = 0;
  for (let i = 0; i < text.length; i += 1) {
    if (text[i] === "<") depth += 1;
    if (text[i] !== ">" || text[i - 1] === "-") continue;
    depth -= 1;
    if (depth === 0) return text.slice(1, i).split(" as ")[0] + text.slice(i + 1);
  }
  return text;
}

/** The last two parts of a path, which say most. */
export function shortName(name) {
  const parts = plainName(name).split("::").filter(Boolean);
  const closure = parts.at(-1)?.startsWith("{{") ? 1 : 0;
  return parts.slice(-2 - closure).join("::");
}

const RUNTIME = /^(std|core|alloc|tokio|tokio_util|futures(_\w+)?|hyper(_\w+)?|tower(_\w+)?|axum|rayon(_core)?|crossbeam(_\w+)?|backtrace|__rust\w*|start_thread|clone3?|_start|__libc_start\w*|main|perf_monitor_tracing)$/;

/** The crate of a function: the first part of its path, or of its trait's where the type is of no crate. */
export function crateOf(name) {
  const foreign = /^<[&*\w\s[\];]+ as (.+)$/.exec(name);
  if (foreign !== null) return crateOf(foreign[1]);
  return plainName(name).replace(/^[&[\s]+|^dyn |^\*(const|mut) /g, "").split(/::|[ (]/)[0];
}

/** Whether it is of the language or of a runtime rather than of the service. */
export const isRuntime = (name) => name === "(truncated)" || RUNTIME.test(crateOf(name));
