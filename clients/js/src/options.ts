/** Refuses an option that the call does not know: ignored, it would do something else. */
export function known<T extends object>(options: T, ...names: string[]): T {
  const unknown = Object.keys(options).filter((name) => !names.includes(name));
  if (unknown.length > 0) throw new TypeError(`unknown option ${unknown.join(", ")}: want ${names.join(", ")}`);
  return options;
}
