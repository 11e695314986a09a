// Columns for people, and numbers as people read them.

/** Lines with aligned columns. Columns of numbers are aligned at their right. @param rows as many cells each as there are heads. */
export function table(heads: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const widths = heads.map((head, at) => Math.max(head.length, ...rows.map((row) => String(row[at]).length)));
  const isNumeric = heads.map((_, at) => rows.length > 0 && rows.every((row) => typeof row[at] === "number"));
  const line = (cells: readonly (string | number)[]) =>
    cells
      .map((cell, at) => (isNumeric[at] ? String(cell).padStart(widths[at]!) : String(cell).padEnd(widths[at]!)))
      .join("  ")
      .trimEnd();
  return [line(heads), ...rows.map(line)].join("\n");
}

/** `1,234,567` */
export function grouped(count: number): string {
  return String(Math.round(count)).replaceAll(/\B(?=(\d{3})+$)/g, ",");
}

/** `12.3 MB`; powers of ten, three digits. */
export function sized(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]}`;
}
