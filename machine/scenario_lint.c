/* SPDX-License-Identifier: MIT */
/*
 * Holds a YAML document against a libcyaml schema and reports every fault,
 * where libcyaml itself stops at the first: unknown keys (with the nearest
 * known one), missing keys, wrong kinds of value, numbers that are none, words
 * that are not among those allowed.
 *
 * Hostile input: aliases are refused (they can make a small file unfold into a
 * large one), depth follows the schema's, file size is bounded.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "machine/nearest.h"
#include "machine/scenario_schema.h"

#define MAX_FILE_BYTES (16L << 20)
#define PLACE_MAX      256

static void fault_at(struct lint *l, unsigned int line, const char *place, const char *fmt,
		     va_list args)
{
	l->faults++;
	fprintf(l->err, "%s:%u: ", l->path, line);
	if (*place)
		fprintf(l->err, "%s: ", place);
	vfprintf(l->err, fmt, args);
	fputc('\n', l->err);
}

static void node_fault(struct lint *l, const yaml_node_t *n, const char *place, const char *fmt,
		       ...) __attribute__((format(printf, 4, 5)));
static void node_fault(struct lint *l, const yaml_node_t *n, const char *place, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fault_at(l, (unsigned int)n->start_mark.line + 1, place, fmt, args);
	va_end(args);
}

void lint_fault(struct lint *l, const char *place, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fault_at(l, lint_line(l, place), place, fmt, args);
	va_end(args);
}

static const char *text_of(const yaml_node_t *n)
{
	return (const char *)n->data.scalar.value;
}

static yaml_node_t *node_at(struct lint *l, int index)
{
	return yaml_document_get_node(&l->doc, index);
}

/* Value of a key in a mapping, or NULL. */
static yaml_node_t *child_of(struct lint *l, yaml_node_t *map, const char *key, size_t len)
{
	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
	     p++) {
		yaml_node_t *k = node_at(l, p->key);

		if (k->type == YAML_SCALAR_NODE && strlen(text_of(k)) == len &&
		    !memcmp(text_of(k), key, len))
			return node_at(l, p->value);
	}
	return NULL;
}

unsigned int lint_line(struct lint *l, const char *place)
{
	yaml_node_t *n = yaml_document_get_root_node(&l->doc), *next;
	const char *p = place;

	while (n && *p) {
		if (*p == '[') {
			long i = strtol(p + 1, (char **)&p, 10);

			p += *p == ']';
			if (n->type != YAML_SEQUENCE_NODE ||
			    i >= n->data.sequence.items.top - n->data.sequence.items.start)
				break;
			n = node_at(l, n->data.sequence.items.start[i]);
			continue;
		}
		p += *p == '.';
		size_t len = strcspn(p, ".[");

		next = n->type == YAML_MAPPING_NODE ? child_of(l, n, p, len) : NULL;
		if (!next)
			break;
		n = next;
		p += len;
	}
	return n ? (unsigned int)n->start_mark.line + 1 : 1;
}

static void unknown_key(struct lint *l, const yaml_node_t *key, const char *place,
			const cyaml_schema_field_t *fields)
{
	const char *nearest = NULL;
	unsigned int best = 4;
	char known[512] = "";
	size_t len = 0;

	for (const cyaml_schema_field_t *f = fields; f->key; f++) {
		unsigned int d = word_distance(text_of(key), f->key);

		if (d < best) {
			best = d;
			nearest = f->key;
		}
		if (len < sizeof(known))
			len += (size_t)snprintf(known + len, sizeof(known) - len, "%s%s",
						len ? ", " : "", f->key);
	}
	if (nearest)
		node_fault(l, key, place, "there is no key \"%s\" here; did you mean \"%s\"?",
			   text_of(key), nearest);
	else
		node_fault(l, key, place, "there is no key \"%s\" here; known are: %s",
			   text_of(key), known);
}

static void check_value(struct lint *l, yaml_node_t *n, const cyaml_schema_value_t *schema,
			const char *place);

static void check_mapping(struct lint *l, yaml_node_t *n, const cyaml_schema_field_t *fields,
			  const char *place)
{
	for (yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top; p++) {
		yaml_node_t *key = node_at(l, p->key);
		const cyaml_schema_field_t *f = fields;
		char below[PLACE_MAX];

		if (key->type != YAML_SCALAR_NODE) {
			node_fault(l, key, place, "a key must be a word");
			continue;
		}
		while (f->key && strcmp(f->key, text_of(key)))
			f++;
		if (!f->key) {
			unknown_key(l, key, place, fields);
			continue;
		}
		if (child_of(l, n, f->key, strlen(f->key)) != node_at(l, p->value)) {
			node_fault(l, key, place, "\"%s\" is given twice; keep one", f->key);
			continue;
		}
		snprintf(below, sizeof(below), "%s%s%s", place, *place ? "." : "", f->key);
		check_value(l, node_at(l, p->value), &f->value, below);
	}
	for (const cyaml_schema_field_t *f = fields; f->key; f++)
		if (!(f->value.flags & CYAML_FLAG_OPTIONAL) &&
		    !child_of(l, n, f->key, strlen(f->key)))
			node_fault(l, n, place, "\"%s\" is missing; it must be given", f->key);
}

static void check_sequence(struct lint *l, yaml_node_t *n, const cyaml_schema_value_t *schema,
			   const char *place)
{
	long count = n->data.sequence.items.top - n->data.sequence.items.start;

	if (count < (long)schema->sequence.min)
		node_fault(l, n, place, "needs at least %u entries, has %ld", schema->sequence.min,
			   count);
	if (schema->sequence.max != CYAML_UNLIMITED && count > (long)schema->sequence.max)
		node_fault(l, n, place, "may have %u entries at most, has %ld",
			   schema->sequence.max, count);
	for (long i = 0; i < count; i++) {
		char below[PLACE_MAX];

		snprintf(below, sizeof(below), "%s[%ld]", place, i);
		check_value(l, node_at(l, n->data.sequence.items.start[i]), schema->sequence.entry,
			    below);
	}
}

static void check_number(struct lint *l, yaml_node_t *n, const cyaml_schema_value_t *schema,
			 const char *place)
{
	bool is_signed = schema->type == CYAML_INT;
	char *end;

	errno = 0;
	if (is_signed) {
		long long v = strtoll(text_of(n), &end, 0);
		long long limit = schema->data_size >= 8 ? INT64_MAX : (1LL << (schema->data_size * 8 - 1)) - 1;

		if (end == text_of(n) || *end || errno || v > limit || v < -limit - 1)
			node_fault(l, n, place, "\"%s\" is not a whole number that fits; write one, as -500",
				   text_of(n));
		return;
	}
	unsigned long long v = strtoull(text_of(n), &end, 0);
	unsigned long long limit = schema->data_size >= 8 ? UINT64_MAX : (1ULL << (schema->data_size * 8)) - 1;

	if (end == text_of(n) || *end || errno || *text_of(n) == '-' || v > limit)
		node_fault(l, n, place, "\"%s\" is not a whole number from 0 on that fits; write one, as 16",
			   text_of(n));
}

static void check_word(struct lint *l, yaml_node_t *n, const cyaml_schema_value_t *schema,
		       const char *place)
{
	char known[256] = "";
	size_t len = 0;

	for (uint32_t i = 0; i < schema->enumeration.count; i++) {
		const char *word = schema->enumeration.strings[i].str;

		if (!strcmp(word, text_of(n)))
			return;
		if (len < sizeof(known))
			len += (size_t)snprintf(known + len, sizeof(known) - len, "%s%s",
						len ? ", " : "", word);
	}
	node_fault(l, n, place, "\"%s\" is none of: %s", text_of(n), known);
}

static void check_bool(struct lint *l, yaml_node_t *n, const char *place)
{
	static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "1", "0"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(words[i], text_of(n)))
			return;
	node_fault(l, n, place, "\"%s\" is neither true nor false", text_of(n));
}

static void check_value(struct lint *l, yaml_node_t *n, const cyaml_schema_value_t *schema,
			const char *place)
{
	yaml_node_type_t want = schema->type == CYAML_MAPPING	 ? YAML_MAPPING_NODE
				: schema->type == CYAML_SEQUENCE ? YAML_SEQUENCE_NODE
								 : YAML_SCALAR_NODE;

	if (n->type != want) {
		node_fault(l, n, place, "must be %s",
			   want == YAML_MAPPING_NODE	? "keys with values (key: value)"
			   : want == YAML_SEQUENCE_NODE ? "a list (lines that start with \"- \")"
							: "a single value");
		return;
	}
	switch (schema->type) {
	case CYAML_MAPPING:
		check_mapping(l, n, schema->mapping.fields, place);
		break;
	case CYAML_SEQUENCE:
		check_sequence(l, n, schema, place);
		break;
	case CYAML_INT:
	case CYAML_UINT:
		check_number(l, n, schema, place);
		break;
	case CYAML_ENUM:
		check_word(l, n, schema, place);
		break;
	case CYAML_BOOL:
		check_bool(l, n, place);
		break;
	case CYAML_STRING:
		if (strlen(text_of(n)) > schema->string.max)
			node_fault(l, n, place, "is longer than %u letters", schema->string.max);
		break;
	default:
		break;
	}
}

void lint_schema(struct lint *l)
{
	yaml_node_t *root = yaml_document_get_root_node(&l->doc);

	if (!root) {
		fprintf(l->err, "%s:1: the file is empty; see quire-scenario(5)\n", l->path);
		l->faults++;
		return;
	}
	check_value(l, root, &scenario_schema, "");
}

/* An alias names a node that another place holds already. */
static bool has_alias(FILE *f, unsigned int *line)
{
	yaml_parser_t parser;
	yaml_event_t event;
	bool found = false, end = false;

	if (!yaml_parser_initialize(&parser))
		return false;
	yaml_parser_set_input_file(&parser, f);
	while (!end && !found && yaml_parser_parse(&parser, &event)) {
		found = event.type == YAML_ALIAS_EVENT;
		end = event.type == YAML_STREAM_END_EVENT;
		*line = (unsigned int)event.start_mark.line + 1;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	rewind(f);
	return found;
}

bool lint_open(struct lint *l, const char *path, FILE *err)
{
	FILE *f = fopen(path, "r");
	yaml_parser_t parser;
	unsigned int line = 1;
	bool ok;

	*l = (struct lint){.path = path, .err = err};
	if (!f) {
		fprintf(err, "%s: cannot be opened: %s\n", path, strerror(errno));
		return false;
	}
	if (fseek(f, 0, SEEK_END) || ftell(f) > MAX_FILE_BYTES || fseek(f, 0, SEEK_SET)) {
		fprintf(err, "%s: not a regular file of at most 16 MiB\n", path);
		fclose(f);
		return false;
	}
	if (has_alias(f, &line)) {
		fprintf(err, "%s:%u: aliases (*name) are not allowed; write the value out\n", path, line);
		fclose(f);
		return false;
	}
	if (!yaml_parser_initialize(&parser)) {
		fclose(f);
		return false;
	}
	yaml_parser_set_input_file(&parser, f);
	ok = yaml_parser_load(&parser, &l->doc);
	if (!ok)
		fprintf(err, "%s:%zu: not YAML: %s%s%s\n", path, parser.problem_mark.line + 1,
			parser.problem ? parser.problem : "unreadable",
			parser.context ? ", " : "", parser.context ? parser.context : "");
	yaml_parser_delete(&parser);
	fclose(f);
	return ok;
}

void lint_close(struct lint *l)
{
	yaml_document_delete(&l->doc);
}
