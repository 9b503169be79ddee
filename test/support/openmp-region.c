#include <omp.h>

/* Runs a parallel region and says how many threads were in it. */
int run_region(int threads) {
  int seen = 0;
#pragma omp parallel num_threads(threads) reduction(+ : seen)
  seen += 1;
  return seen;
}
