/* SPDX-License-Identifier: MIT */
/* quire whatif: the same machine, load and seed with other settings. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/futures.h"
#include "machine/capture_load.h"
#include "machine/uncertain.h"
#include "machine/units.h"

static const char help[] =
	"usage: quire whatif [OPTIONS] --set NAME=VALUE [--set NAME=VALUE ...] SPEC\n\n"
	"Runs the machine of SPEC, a scenario, a capture or a saved machine (quire run --save),\n"
	"as it is, and once more for each "
	"--set, under the same load and seed, and lays the futures side by side: who is killed\n"
	"and when, stalls, faults, swap, latencies; and says of each change if it helps, and "
	"why.\n\n"
	"  --set SETTINGS   a future; several settings, apart by blanks, are one future\n"
	"  --all            and one with all of them together\n"
	"  --at TIME        make the settings at a time of the night (02:58, 3h) on the machine\n"
	"                   that runs; without it, from the boot on\n"
	"  --until TIME     stop there\n"
	"  --seed N         another seed than the file's\n"
	"  --jobs N         futures that run at once (a processor each)\n"
	"  -o DIR           keep each future's night: NNNN.json, NNNN.night.json, NNNN.events\n"
	"  --no-range       only the input as it is, where it leaves open how hot or how\n"
	"                   compressible memory is (without it the plausible range is run)\n"
	"  --grow NAME=RATE of a capture, which says nothing of its load: NAME grows by RATE\n"
	"                   (4M/s); without it the largest process does, 1M/s to 64M/s\n"
	"  --for TIME       of a capture: how long (1h)\n"
	"  --json           the futures as data\n"
	"  --quiet          no progress\n\n"
	"Settings: any sysctl (vm.swappiness=10); swap=16G swap.device= swap.priority=;\n"
	"swap.type=zram swap.algorithm= swap.mem_limit=;\n"
	"zswap=on|off zswap.compressor= zswap.zpool= zswap.max_pool_percent=; thp=always;\n"
	"lru_gen=on;\n"
	"nodes=3 node.memory=16G load=+20% hot=5% content=random seed=4;\n"
	"/GROUP/memory.max=4G (high, low, min, swap.max, oom.group) /GROUP/oom_score_adj=500;\n"
	"PROCESS/oom_score_adj=500 PROCESS/numa=interleave PROCESS/load=+20% PROCESS/count=20\n"
	"PROCESS/node=1 PROCESS/cgroup=/GROUP PROCESS/rss=64M\n\n"
	"Examples:\n"
	"  quire whatif examples/three-am.yaml --set swap=16G --set ledgerd/oom_score_adj=500\n"
	"  quire whatif examples/three-am.yaml --at 02:58 --set vm.swappiness=100\n"
	"  quire whatif examples/three-am.yaml --set 'zswap.max_pool_percent=20 swap=32G' --json\n";

struct whatif_options {
	struct futures_cli c;
	const char *set[256];
	size_t nr;
	const char *grow, *length;
	bool all, no_range;
};

/* The last future is replaced by one that grows, under the same label. */
static bool add_growth(struct whatif_options *o, const char *text, const char *rate)
{
	struct variant *v = &o->c.f.v[o->c.f.nr - 1];
	char setting[128], name[TASK_COMM_LEN];
	u64 bytes;

	(void)text;
	if (rate) {
		snprintf(setting, sizeof(setting), "grow=%s", rate);
	} else if (!growth_parse(o->grow, name, &bytes) || !strchr(o->grow, '=')) {
		fprintf(stderr, "quire: --grow %s: write it as NAME=4M/s\n", o->grow);
		return false;
	} else {
		snprintf(setting, sizeof(setting), "%s/grow=%s", name, strrchr(o->grow, '=') + 1);
	}
	return setting_add(&v->set, setting, NULL, stderr);
}

/* The future, and its two extremes where ranges are run. */
static bool add_future(struct whatif_options *o, const char *text, bool range)
{
	char *more = NULL;
	size_t len = 0;
	bool ok = futures_add_text(&o->c, text);

	/* Nothing happens on a capture unless something grows. */
	if (ok && !o->c.scenario && !add_growth(o, text, range ? "8M/s" : NULL))
		return false;

	for (int k = 0; k < 2 && ok && range; k++) {
		FILE *f = open_memstream(&more, &len);

		if (!f)
			return false;
		if (o->c.scenario)
			fprintf(f, "%s %s", text, k ? uncertain_hard : uncertain_easy);
		else
			fprintf(f, "%s grow=%s", text, k ? "64M/s" : "1M/s");
		fclose(f);
		ok = futures_add_text(&o->c, more);
		free(more);
		more = NULL;
	}
	return ok;
}

static bool add_futures(struct whatif_options *o, bool range)
{
	char *all = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&all, &len);
	bool ok = f && add_future(o, "", range);

	for (size_t i = 0; i < o->nr && ok; i++) {
		ok = add_future(o, o->set[i], range);
		fprintf(f, "%s ", o->set[i]);
	}
	if (f)
		fclose(f);
	if (ok && o->all && o->nr > 1)
		ok = add_future(o, all, range);
	free(all);
	return ok;
}

static int whatif(struct whatif_options *o, const char *path)
{
	struct futures_view view = {.f = &o->c.f, .stride = 1};
	struct uncertain u = {0};
	bool range;
	int status = futures_open(&o->c, path);

	if (status)
		return status;
	if (o->c.scenario)
		uncertain_find(o->c.scenario, &u);
	range = !o->no_range && o->c.scenario && !o->c.f.has_at && uncertain_matters(&u);
	if (!o->c.scenario) {
		range = !o->grow;
		o->c.f.until = 3600000000000ULL;
		if (o->length && !parse_duration(o->length, &o->c.f.until)) {
			fprintf(stderr, "quire: --for %s: not a time; write it as 2h\n", o->length);
			return 2;
		}
	} else if (o->grow || o->length) {
		fputs("quire: --grow and --for are for captures; a scenario says both\n", stderr);
		return 2;
	}
	view.stride = range ? 3 : 1;
	view.colour = isatty(1) && !getenv("NO_COLOR");
	if (!add_futures(o, range))
		return 2;
	status = futures_show_run(&o->c);
	if (status == 2)
		return 2;
	if (o->c.json) {
		futures_json(&view, stdout);
		return status;
	}
	futures_side_by_side(&view, stdout);
	futures_sentences(&view, stdout);
	if (range) {
		fputc('\n', stdout);
		if (o->c.scenario)
			uncertain_say(&u, stdout);
		else
			fputs("Ranges: a capture is one instant: it does not say how fast memory "
			      "grows. The largest\n"
			      "process was made to grow by 8, 1 and 64 MB/s; pages that were there "
			      "are not used again.\n"
			      "To narrow them, measure: grep VmRSS /proc/PID/status twice, ten "
			      "minutes apart (or\n"
			      "pidstat -r 60), and give --grow NAME=RATE.\n",
			      stdout);
	}
	return status;
}

static bool parse(struct whatif_options *o, int c)
{
	bool ok = true;

	if (futures_option(&o->c, c, optarg, &ok))
		return ok;
	switch (c) {
	case 'S':
		if (o->nr == ARRAY_SIZE(o->set)) {
			fputs("quire: whatif: too many --set; quire sweep runs many\n", stderr);
			return false;
		}
		o->set[o->nr++] = optarg;
		return true;
	case 'a':
		o->c.at = optarg;
		return true;
	case 'A':
		o->all = true;
		return true;
	case 'o':
		o->c.f.dir = optarg;
		o->c.f.nights = true;
		return true;
	case 'g':
		o->grow = optarg;
		return true;
	case 'f':
		o->length = optarg;
		return true;
	case 'n':
		o->no_range = true;
		return true;
	default:
		fputs("quire: `quire whatif --help` has the options\n", stderr);
		return false;
	}
}

int cmd_whatif(int argc, char **argv)
{
	static const struct option options[] = {FUTURES_OPTIONS,
						{"set", required_argument, NULL, 'S'},
						{"at", required_argument, NULL, 'a'},
						{"all", no_argument, NULL, 'A'},
						{"output", required_argument, NULL, 'o'},
						{"no-range", no_argument, NULL, 'n'},
						{"grow", required_argument, NULL, 'g'},
						{"for", required_argument, NULL, 'f'},
						{"help", no_argument, NULL, 'h'},
						{0}};
	struct whatif_options o = {.c.f.only = -1};
	int c, status;

	while ((c = getopt_long(argc, argv, "ho:", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdout);
			return 0;
		}
		if (!parse(&o, c))
			return 2;
	}
	if (optind + 1 != argc || !o.nr) {
		fputs(optind + 1 != argc
			      ? "quire: whatif needs one SPEC, as examples/three-am.yaml\n"
			      : "quire: whatif needs a --set, as --set vm.swappiness=10\n",
		      stderr);
		return 2;
	}
	status = whatif(&o, argv[optind]);
	futures_close(&o.c);
	return status;
}
