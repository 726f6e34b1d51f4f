/** Chance as the engine sees it; injected, so that simulation and tests own it. */
export interface Random {
  /** A number from 0 up to, not including, 1. */
  next(): number;
}
