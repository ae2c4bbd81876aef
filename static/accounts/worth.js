// What rows of an account are worth at a price, exactly as accounts/valuing.py has it.
//
// Prices are millionths of a rupee, money is ten-thousandths, quantities are units: all BigInt. What
// is not known is null, and so is every total that it belongs to.

import { divided, fixed } from "./decimals.js";

export const PRICE_PLACES = 6;
export const MONEY_PLACES = 4;
const PRICES_A_MONEY = 10n ** BigInt(PRICE_PLACES - MONEY_PLACES);

export function priceOf(value) {
  return fixed(value, PRICE_PLACES);
}

export function moneyOf(value) {
  return fixed(value, MONEY_PLACES);
}

export function total(parts) {
  let sum = 0n;
  for (const part of parts) {
    if (part === null) return null;
    sum += part;
  }
  return sum;
}

// Values a position as the stream tells it at `price` (null: none is known).
export function valuePosition(position, price, isOption) {
  const quantity = BigInt(position.quantity);
  const value = marketValue(quantity, price);
  const dayPnl = value === null ? null : value + moneyOf(position.day_value);
  return {
    value,
    pnl: value === null ? null : value + moneyOf(position.value),
    dayPnl,
    worth: isOption ? withOvernight(dayPnl, position) : dayPnl,
  };
}

// An option of yesterday is neither in the cash nor in the holdings.
function withOvernight(dayPnl, { overnight_quantity: overnight, close_price: close }) {
  if (dayPnl === null || !overnight) return dayPnl;
  return close === null ? null : dayPnl + times(BigInt(overnight), priceOf(close));
}

// Values a holding as the page was given it.
export function valueHolding({ quantity, invested, close_price: close }, price) {
  const owned = BigInt(quantity);
  const value = marketValue(owned, price);
  const isDayKnown = value !== null && close !== null;
  return {
    value,
    pnl: value === null ? null : value - moneyOf(invested),
    dayPnl: isDayKnown ? value - times(owned, priceOf(close)) : null,
  };
}

function marketValue(quantity, price) {
  if (price === null) return quantity === 0n ? 0n : null;
  return times(quantity, price);
}

function times(quantity, price) {
  return divided(quantity * price, PRICES_A_MONEY);
}
