// Diagnostics as a port. Messages are sentences for the operator; values go into fields.

export type LogFields = Readonly<Record<string, string | number | boolean | undefined | Error>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to each line. */
  with(fields: LogFields): Logger;
}
