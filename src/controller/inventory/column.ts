/** A column of numbers that grows; `take` cuts it to what is in it. */
export class Column {
  #values = new Int32Array(64);
  length = 0;

  #fit(length: number): void {
    if (length <= this.#values.length) return;
    const more = new Int32Array(Math.max(length, this.#values.length * 2));
    more.set(this.#values);
    this.#values = more;
  }

  push(value: number): void {
    this.#fit(this.length + 1);
    this.#values[this.length] = value;
    this.length += 1;
  }

  /** Appends `value` `count` times. */
  repeat(value: number, count: number): void {
    this.#fit(this.length + count);
    this.#values.fill(value, this.length, this.length + count);
    this.length += count;
  }

  get(index: number): number {
    return this.#values[index]!;
  }

  set(index: number, value: number): void {
    this.#values[index] = value;
  }

  take(): Int32Array {
    return this.#values.slice(0, this.length);
  }
}
