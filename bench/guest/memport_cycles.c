/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets and clears memports of a device that translates, in the guest, and takes the time with the
 * CPU's own counter: until STATUS says so, and until a load from the window has come back.
 *
 * usage: memport_cycles DEVICE PORTS CYCLES BUSY
 *
 * DEVICE: its directory in sysfs. PORTS memports of one granule each are used, from the first; nobody
 * else may use any. BUSY: so many other CPUs are kept at work meanwhile.
 * Prints medians as JSON, in ns per memport; of CYCLES, and of an eighth of them where all are set:
 *
 *   set, load, clear           one memport, no other is set: SET until STATUS is 1; until the first load
 *                              has come back, too; SET until STATUS is 0
 *   set_others, clear_others   the same, while all others are set
 *   set_row, clear_row         all, one after the other: the middle one
 *   set_at_once, clear_at_once all, looked at only when SET of all is written
 *   refused                    as many stores and loads as for `set`, for which nothing is mapped
 *   access                     one store to a register and one load of it
 */
#define _GNU_SOURCE
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>

#include "../../native/abi/memport.h"
#include "../../native/src/mmio.h"
#include "../native/loop.h"

#define PATTERN 0x5d0000005d000000u
/* For one memport; longer and the device is hung. */
#define DEADLINE_NS 10e9

static volatile uint8_t *block, *window;
static uint64_t base, granule, ports, cycles, batches;
static double ns_per_tick = 1;

/* Between reading it and what is timed, neither may overtake the other. */
static uint64_t ticks(void) {
#if defined(__aarch64__)
  uint64_t value;

  __asm__ __volatile__("isb; mrs %0, cntvct_el0; isb" : "=r"(value)::"memory");
  return value;
#else
  return (uint64_t)now_ns();
#endif
}

static double since(uint64_t start) { return (double)(ticks() - start) * ns_per_tick; }

__attribute__((format(printf, 1, 2), noreturn)) static void refuse(const char *format, ...) {
  va_list args;

  fprintf(stderr, "memport_cycles: ");
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fprintf(stderr, "\n");
  exit(1);
}

static uint64_t reg(uint64_t offset) { return sdm_load64(block + offset); }

static volatile uint8_t *memport(uint64_t port) {
  return block + SDM_MEMPORT_BASE + port * SDM_MEMPORT_STRIDE;
}

/* Where the memport leads: nowhere near its place in the window, so that only translation gets there. */
static uint64_t remote_of(uint64_t port) { return (2 * ports - port) * granule; }

static void fields(uint64_t port, uint64_t askew) {
  volatile uint8_t *p = memport(port);
  uint64_t start = base + port * granule;
  uint64_t remote = remote_of(port);

  sdm_store64(p + SDM_MEMPORT_START, start + askew);
  sdm_store64(p + SDM_MEMPORT_END, start + granule - 1);
  sdm_store64(p + SDM_MEMPORT_OFFSET,
              start > remote ? (start - remote) | 1ull << SDM_OFFSET_SIGN_BIT : remote - start);
  sdm_store64(p + SDM_MEMPORT_OUT_ID, port);
  sdm_store64(p + SDM_MEMPORT_IN_ID, port);
  sdm_barrier();
}

static void await(uint64_t port, uint64_t wanted) {
  volatile uint8_t *p = memport(port);
  uint64_t start = ticks(), status;

  while ((status = sdm_load64(p + SDM_MEMPORT_STATUS)) == SDM_STATUS_BUSY)
    if (since(start) > DEADLINE_NS)
      break;
  if (status != wanted)
    refuse("memport %llu: STATUS is %llu instead of %llu", (unsigned long long)port,
           (unsigned long long)status, (unsigned long long)wanted);
}

static void write_set(uint64_t port, uint64_t value) {
  sdm_store64(memport(port) + SDM_MEMPORT_SET, value);
}

static void set(uint64_t port) {
  fields(port, 0);
  write_set(port, 1);
  await(port, SDM_STATUS_ACTIVE);
}

static void clear(uint64_t port) {
  write_set(port, 0);
  await(port, SDM_STATUS_INACTIVE);
}

static void refused(uint64_t port) {
  fields(port, granule / 2);
  write_set(port, 1);
  await(port, SDM_STATUS_ALIGNMENT);
}

static uint64_t first_word(uint64_t port) { return sdm_load64(window + port * granule); }

static sigjmp_buf bus;

static void on_bus(int sig) { siglongjmp(bus, sig); }

/* Were it still there, a clear would be timed that clears nothing. */
static void check_gone(uint64_t port) {
  struct sigaction action = {.sa_handler = on_bus}, before;

  sigaction(SIGBUS, &action, &before);
  if (!sigsetjmp(bus, 1))
    refuse("memport %llu is clear and its range still answers: %#llx", (unsigned long long)port,
           (unsigned long long)first_word(port));
  sigaction(SIGBUS, &before, NULL);
}

/* Each remote range gets a word that says whose it is. */
static void stamp(void) {
  for (uint64_t port = 0; port < ports; port++) {
    set(port);
    sdm_store64(window + port * granule, PATTERN | port);
    sdm_barrier();
    clear(port);
    check_gone(port);
  }
}

static double *set_ns, *load_ns, *clear_ns, *each_ns;

/* Sets and clears memport 0; the loads in between must have gone where it leads. */
static void one(void) {
  for (uint64_t i = 0; i < cycles; i++) {
    uint64_t start = ticks(), value;

    set(0);
    set_ns[i] = since(start);
    value = first_word(0);
    load_ns[i] = since(start);
    if (value != PATTERN)
      refuse("memport 0 leads to %#llx instead of %#llx", (unsigned long long)value,
             (unsigned long long)PATTERN);
    start = ticks();
    clear(0);
    clear_ns[i] = since(start);
  }
}

/* Times of one memport each: the whole row is long enough for the scheduler to step in. */
static void row(void) {
  for (uint64_t i = 0; i < batches; i++) {
    for (uint64_t port = 0; port < ports; port++) {
      uint64_t start = ticks();

      set(port);
      each_ns[port] = since(start);
    }
    set_ns[i] = median(each_ns, ports);
    for (uint64_t port = 0; port < ports; port++) {
      uint64_t start = ticks();

      clear(port);
      each_ns[port] = since(start);
    }
    clear_ns[i] = median(each_ns, ports);
  }
}

static void at_once(void) {
  for (uint64_t i = 0; i < batches; i++) {
    uint64_t start = ticks();

    for (uint64_t port = 0; port < ports; port++) {
      fields(port, 0);
      write_set(port, 1);
    }
    for (uint64_t port = 0; port < ports; port++)
      await(port, SDM_STATUS_ACTIVE);
    set_ns[i] = since(start) / (double)ports;
    start = ticks();
    for (uint64_t port = 0; port < ports; port++)
      write_set(port, 0);
    for (uint64_t port = 0; port < ports; port++)
      await(port, SDM_STATUS_INACTIVE);
    clear_ns[i] = since(start) / (double)ports;
  }
}

static void accesses(void) {
  for (uint64_t i = 0; i < cycles; i++) {
    uint64_t start = ticks();

    refused(0);
    set_ns[i] = since(start);
    clear(0);
    start = ticks();
    sdm_store64(block + SDM_REG_EPOCH, i);
    if (reg(SDM_REG_EPOCH) != i)
      refuse("EPOCH does not keep what is written to it");
    clear_ns[i] = since(start);
  }
  sdm_store64(block + SDM_REG_EPOCH, 0);
}

static void print(const char *name, double *ns, uint64_t count, const char *end) {
  printf("\"%s\": %.1f%s", name, median(ns, count), end);
}

static void *map_bar(const char *device, const char *name, uint64_t length) {
  char file[256];
  void *mapping;
  int fd;

  snprintf(file, sizeof(file), "%s/%s", device, name);
  fd = open(file, O_RDWR | O_SYNC | O_CLOEXEC);
  if (fd < 0)
    die(file);
  mapping = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapping == MAP_FAILED)
    die(file);
  close(fd);
  return mapping;
}

static void open_device(const char *device) {
  char file[256];
  FILE *enable;

  snprintf(file, sizeof(file), "%s/enable", device);
  enable = fopen(file, "r+");
  if (enable == NULL || fputs("1", enable) < 0 || fclose(enable) != 0)
    die(file);
  block = map_bar(device, "resource0", SDM_BLOCK_MAX);
  if (reg(SDM_REG_ID) != (SDM_ID_MAGIC | (uint64_t)SDM_ABI_VERSION << SDM_ID_VERSION_SHIFT))
    refuse("%s is no register block: its ID is %#llx", device, (unsigned long long)reg(SDM_REG_ID));
  if (!(reg(SDM_REG_FEATURES) >> SDM_FEATURE_TRANSLATION & 1) ||
      reg(SDM_REG_FEATURES) >> SDM_FEATURE_PASSIVE & 1)
    refuse("%s has no logic that translates", device);
  base = reg(SDM_REG_WINDOW_BASE);
  granule = reg(SDM_REG_GRANULE);
  if (ports > reg(SDM_REG_NPORTS) || (2 * ports + 1) * granule > reg(SDM_REG_REMOTE_SIZE) ||
      ports * granule > reg(SDM_REG_WINDOW_SIZE))
    refuse("%s has less than %llu memports and room for them", device, (unsigned long long)ports);
  window = map_bar(device, "resource2", ports * granule);
}

static void pin(int cpu) {
  cpu_set_t set;

  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof(set), &set) != 0)
    die("sched_setaffinity");
}

/* On CPUs of their own, from the second; they end with this process. */
static void keep_busy(uint64_t count) {
  pid_t parent = getpid();

  for (uint64_t cpu = 1; cpu <= count; cpu++) {
    pid_t child = fork();

    if (child < 0)
      die("fork");
    if (child > 0)
      continue;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
      _exit(1);
    pin((int)cpu);
    for (volatile uint64_t turns = 0;; turns++)
      ;
  }
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: %s DEVICE PORTS CYCLES BUSY\n", argv[0]);
    return 2;
  }
  ports = number(argv[2]);
  cycles = number(argv[3]);
  batches = cycles / 8 + 1;
  set_ns = calloc(cycles, sizeof(double));
  load_ns = calloc(cycles, sizeof(double));
  clear_ns = calloc(cycles, sizeof(double));
  each_ns = calloc(ports, sizeof(double));
  if (ports < 2 || cycles < 1 || !set_ns || !load_ns || !clear_ns || !each_ns)
    refuse("needs 2 memports, 1 cycle, and memory for the times of all cycles");
#if defined(__aarch64__)
  uint64_t frequency;
  __asm__("mrs %0, cntfrq_el0" : "=r"(frequency));
  ns_per_tick = 1e9 / (double)frequency;
#endif
  open_device(argv[1]);
  pin(0);
  keep_busy(number(argv[4]));
  for (uint64_t port = 0; port < ports; port++)
    clear(port);
  stamp();

  printf("{");
  one();
  print("set", set_ns, cycles, ", ");
  print("load", load_ns, cycles, ", ");
  print("clear", clear_ns, cycles, ", ");
  for (uint64_t port = 1; port < ports; port++)
    set(port);
  one();
  print("set_others", set_ns, cycles, ", ");
  print("load_others", load_ns, cycles, ", ");
  print("clear_others", clear_ns, cycles, ", ");
  for (uint64_t port = 1; port < ports; port++)
    clear(port);
  row();
  print("set_row", set_ns, batches, ", ");
  print("clear_row", clear_ns, batches, ", ");
  at_once();
  print("set_at_once", set_ns, batches, ", ");
  print("clear_at_once", clear_ns, batches, ", ");
  accesses();
  print("refused", set_ns, cycles, ", ");
  print("access", clear_ns, cycles, "}\n");
  return 0;
}
