// SPDX-License-Identifier: GPL-2.0
/*
 * Commands: parses what is written to the attributes, runs one command at a
 * time, and keeps the sentence that says why the last one was refused.
 *
 * What can be read names physical addresses, which /proc/iomem hides from users:
 * it is for root and its group only.
 */
#include <linux/device.h>
#include <linux/ioport.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "sdmc_mem.h"

/* The longest text a command can have: four numbers of 64 bits fit. */
#define SDMC_TEXT_MAX 96

/* The command being run; under sdmc.lock. */
static char what[SDMC_TEXT_MAX + 16];

/* What error shows, "" for nothing; under refusal_lock. */
static char refusal[384];
static DEFINE_SPINLOCK(refusal_lock);

/*
 * A command as it is shown, or its beginning. What was written may be anything,
 * and goes to a log and to terminals: only what can be printed is shown as it is.
 */
static void describe(char *out, size_t size, const char *name, const char *text)
{
	scnprintf(out, size, "%s %*pE", name, (int)strlen(text), text);
}

static void set_refusal(const char *sentence)
{
	spin_lock(&refusal_lock);
	strscpy(refusal, sentence, sizeof(refusal));
	spin_unlock(&refusal_lock);
}

/**
 * sdmc_refuse() - say why the command that runs is refused
 * @err: negative errno
 * @fmt: the reason, without the command and without a newline
 *
 * The sentence goes to the log and to the attribute error. The caller holds
 * sdmc.lock.
 *
 * Return: @err
 */
int sdmc_refuse(int err, const char *fmt, ...)
{
	static char sentence[sizeof(refusal)];	/* under sdmc.lock */
	struct va_format vaf;
	va_list args;

	lockdep_assert_held(&sdmc.lock);

	va_start(args, fmt);
	vaf.fmt = fmt;
	vaf.va = &args;
	scnprintf(sentence, sizeof(sentence), "%s: %pV", what, &vaf);
	va_end(args);

	set_refusal(sentence);
	dev_warn(sdmc.dev, "%s (error %d)\n", sentence, err);
	return err;
}

/* What a writer asks for; says why it is not understood. */
static int parse(char *text, enum sdmc_form form, struct sdmc_request *req)
{
	const char *why;
	int ret = sdmc_parse_request(text, form, req, &why);

	return ret ? sdmc_refuse(ret, "%s", why) : 0;
}

/* A signal came while the command waited for another one to end. */
static int interrupted(struct device *dev, const char *name, const char *text)
{
	char command[sizeof(what)];
	char sentence[sizeof(what) + 64];

	describe(command, sizeof(command), name, text);
	scnprintf(sentence, sizeof(sentence),
		  "%s: stopped by a signal while another command ran", command);
	set_refusal(sentence);
	dev_warn(dev, "%s (error %d)\n", sentence, -EINTR);
	return -ERESTARTSYS;
}

/*
 * Begins a command: takes the lock and a copy of what was written, and forgets
 * why an earlier one was refused. On success the caller unlocks.
 */
static int begin(struct device *dev, const char *name, const char *buf, char *text)
{
	ssize_t len = strscpy(text, buf, SDMC_TEXT_MAX);
	char *body = strim(text);

	memmove(text, body, strlen(body) + 1);
	if (mutex_lock_interruptible(&sdmc.lock))
		return interrupted(dev, name, text);

	set_refusal("");
	describe(what, sizeof(what), name, text);
	if (!sdmc.ready) {
		sdmc_refuse(-ENODEV, "the module is going away");
		mutex_unlock(&sdmc.lock);
		return -ENODEV;
	}
	if (len < 0) {
		sdmc_refuse(-EINVAL, "longer than %d characters", SDMC_TEXT_MAX - 1);
		mutex_unlock(&sdmc.lock);
		return -EINVAL;
	}
	return 0;
}

/**
 * struct sdmc_command - a write-only attribute that acts on one region
 * @attr: the attribute
 * @run: acts; called under sdmc.lock; says itself why it refuses
 * @form: the words it takes
 */
struct sdmc_command {
	struct device_attribute attr;
	int (*run)(const struct sdmc_request *req);
	enum sdmc_form form;
};

static ssize_t command_store(struct device *dev, struct device_attribute *attr,
			     const char *buf, size_t count)
{
	struct sdmc_command *command = container_of(attr, struct sdmc_command, attr);
	char text[SDMC_TEXT_MAX];
	struct sdmc_request req;
	int ret;

	ret = begin(dev, attr->attr.name, buf, text);
	if (ret)
		return ret;

	ret = parse(text, command->form, &req);
	if (!ret && !sdmc.window)
		ret = sdmc_refuse(-ENODEV, "no window is parked: write its range to window first");
	if (!ret)
		ret = command->run(&req);
	mutex_unlock(&sdmc.lock);
	return ret ?: count;
}

#define SDMC_COMMAND(_name, _form)					\
	static struct sdmc_command command_##_name = {			\
		.attr = __ATTR(_name, 0200, NULL, command_store),	\
		.run = sdmc_##_name,					\
		.form = SDMC_FORM_##_form,				\
	}

SDMC_COMMAND(claim, RANGE);
SDMC_COMMAND(add, ADD);
SDMC_COMMAND(remove, RANGE);
SDMC_COMMAND(hmem, NODE);
SDMC_COMMAND(unhmem, RANGE);
SDMC_COMMAND(expose, RANGE);
SDMC_COMMAND(conceal, RANGE);
SDMC_COMMAND(revoke, RANGE);
SDMC_COMMAND(flush, RANGE);
SDMC_COMMAND(scrub, RANGE);
SDMC_COMMAND(verify, RANGE);
SDMC_COMMAND(explain, RANGE);
SDMC_COMMAND(release, RANGE);

static ssize_t window_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	u64 start = 0, size = 0;

	spin_lock(&sdmc.regions_lock);
	if (sdmc.window) {
		start = sdmc.window->start;
		size = resource_size(sdmc.window);
	}
	spin_unlock(&sdmc.regions_lock);

	if (!size)
		return sysfs_emit(buf, "none\n");
	return sysfs_emit(buf, "%#llx %#llx\n", start, size);
}

static ssize_t window_store(struct device *dev, struct device_attribute *attr,
			    const char *buf, size_t count)
{
	char text[SDMC_TEXT_MAX];
	struct sdmc_request req;
	int ret;

	ret = begin(dev, "window", buf, text);
	if (ret)
		return ret;

	if (!strcmp(text, "none")) {
		ret = sdmc_window_unpark();
	} else {
		ret = parse(text, SDMC_FORM_RANGE, &req);
		if (!ret)
			ret = sdmc_window_park(req.start, req.size);
	}
	mutex_unlock(&sdmc.lock);
	return ret ?: count;
}

static struct device_attribute dev_attr_window =
	__ATTR(window, 0640, window_show, window_store);

static ssize_t error_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	ssize_t len;

	spin_lock(&refusal_lock);
	len = sysfs_emit(buf, "%s\n", *refusal ? refusal : "none");
	spin_unlock(&refusal_lock);
	return len;
}

static struct device_attribute dev_attr_error = __ATTR_RO_MODE(error, 0440);

static ssize_t failure_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sdmc_failure_emit(buf);
}

static struct device_attribute dev_attr_failure = __ATTR_RO_MODE(failure, 0440);

static struct attribute *sdmc_attrs[] = {
	&dev_attr_window.attr,
	&dev_attr_error.attr,
	&dev_attr_failure.attr,
	&command_claim.attr.attr,
	&command_add.attr.attr,
	&command_remove.attr.attr,
	&command_hmem.attr.attr,
	&command_unhmem.attr.attr,
	&command_expose.attr.attr,
	&command_conceal.attr.attr,
	&command_revoke.attr.attr,
	&command_flush.attr.attr,
	&command_scrub.attr.attr,
	&command_verify.attr.attr,
	&command_explain.attr.attr,
	&command_release.attr.attr,
	NULL
};

static const struct attribute_group sdmc_group = {
	.attrs = sdmc_attrs,
};

const struct attribute_group *sdmc_groups[] = { &sdmc_group, NULL };
