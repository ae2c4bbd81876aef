// Exact decimals as whole numbers of a smallest step, rounded and written as the server does
// (Decimal.quantize, half to even; tradingsite/templatetags/figures.py).

import { ABSENT } from "../marketdata/figures.js";

const WRITTEN = /^([+-]?)(\d+)(?:\.(\d*))?(?:e([+-]?\d+))?$/i;
const MINUS = "\u2212";

// Returns how many steps of 10^-places `value` is: a text, or a number by its shortest digits.
export function fixed(value, places) {
  const found = WRITTEN.exec(String(value));
  if (!found) throw new RangeError(`${value} is no decimal`);
  const [, sign, whole, fraction = "", exponent = "0"] = found;
  const digits = BigInt(sign + whole + fraction);
  const shift = Number(exponent) - fraction.length + places;
  return shift >= 0 ? digits * 10n ** BigInt(shift) : divided(digits, 10n ** BigInt(-shift));
}

// Returns `steps` by `divisor` (above 0), rounded half to even.
export function divided(steps, divisor) {
  const quotient = steps / divisor;
  const rest = 2n * abs(steps % divisor);
  if (rest < divisor || (rest === divisor && quotient % 2n === 0n)) return quotient;
  return steps < 0n ? quotient - 1n : quotient + 1n;
}

// Writes steps of 10^-places with so many decimals: 1,24,812.35.
export function price(steps, places, decimals = 2) {
  if (steps === null) return ABSENT;
  const rounded = scaled(steps, places, decimals);
  const digits = String(abs(rounded)).padStart(decimals + 1, "0");
  const whole = grouped(digits.slice(0, digits.length - decimals));
  const text = decimals ? `${whole}.${digits.slice(-decimals)}` : whole;
  return rounded < 0n ? MINUS + text : text;
}

// Writes a change with its sign.
export function signed(steps, places, decimals = 2) {
  const text = price(steps, places, decimals);
  return steps !== null && scaled(steps, places, decimals) > 0n ? `+${text}` : text;
}

function scaled(steps, places, decimals) {
  const drop = places - decimals;
  return drop >= 0 ? divided(steps, 10n ** BigInt(drop)) : steps * 10n ** BigInt(-drop);
}

// Groups as India does: the last three, then twos.
function grouped(digits) {
  const [head, tail] = [digits.slice(0, -3), digits.slice(-3)];
  return head ? `${head.replace(/\B(?=(\d{2})+$)/g, ",")},${tail}` : tail;
}

function abs(steps) {
  return steps < 0n ? -steps : steps;
}
