/* What a run found, as one line of JSON on standard output. */
#ifndef TESTS_BENCH_DRIVER_REPORT_H
#define TESTS_BENCH_DRIVER_REPORT_H

#include "tests/bench/driver/engine.h"

void report_print(const struct options *options, const struct outcome *o);

#endif
