// SPDX-License-Identifier: GPL-2.0
/*
 * Memory tiers: a node of remote memory belongs below DRAM, so that pages are
 * demoted to it and not from it.
 *
 * The kernel counts how often a type was put on a node but cannot be asked
 * which type a node has, and clearing a type that is not on the node, or that
 * a node with memory still needs, crashes it. So this file counts itself, and
 * touches only what it put there.
 *
 * kmem puts a type of its own on a node and takes one away, whosesoever it is.
 * So a node gets memory either from here or through kmem, never both, and kmem
 * is told the distance of its type.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/kref.h>
#include <linux/memory-tiers.h>
#include <linux/nodemask.h>
#include <linux/notifier.h>
#include <linux/numa.h>
#include <linux/topology.h>

#include "sdmc_mem.h"

/* On the scale of node distances, 10 is local; 20 is the usual other node. */
#define SDMC_DISTANCE_LOCAL	10
#define SDMC_DISTANCE_DEFAULT	20
#define SDMC_DISTANCE_MAX	254

/**
 * struct node_tier - what this module put on a node
 * @type: the type that is on the node, or NULL if it is not ours
 * @distance: what @type was made from
 * @users: regions that count on it
 * @announced: regions for whose sake kmem is told @distance; if there are any,
 *	there is no @type
 */
struct node_tier {
	struct memory_dev_type *type;
	int distance;
	unsigned int users;
	unsigned int announced;
};

/* All under sdmc.lock. */
static struct node_tier tiers[MAX_NUMNODES];
static LIST_HEAD(types);

/* What kmem is told, 0 for nothing; kmem asks without sdmc.lock. */
static int adistances[MAX_NUMNODES];

/* Abstract distance grows with latency as node distance does. */
static int abstract_distance(int distance)
{
	int adistance = MEMTIER_ADISTANCE_DRAM * distance / SDMC_DISTANCE_LOCAL;

	/* A little farther would be the tier of DRAM itself. */
	return max_t(int, adistance, MEMTIER_ADISTANCE_DRAM + MEMTIER_CHUNK_SIZE);
}

/* Whether a distance can be asked for; 0 asks for none. */
static int check_distance(int distance)
{
	if (distance && (distance <= SDMC_DISTANCE_LOCAL || distance > SDMC_DISTANCE_MAX))
		return sdmc_refuse(-EINVAL, "distance %d is not between %d and %d", distance,
				   SDMC_DISTANCE_LOCAL + 1, SDMC_DISTANCE_MAX);
	return 0;
}

/*
 * How far a node is that nobody gave a distance: as the kernel has it from
 * firmware, from the nearest node with processors. One that is no farther than
 * local, or not to be reached, was not told.
 */
static int known_distance(int nid)
{
	int nearest = SDMC_DISTANCE_MAX + 1;
	int node;

	for_each_node_state(node, N_CPU)
		nearest = min(nearest, node_distance(node, nid));
	if (nearest <= SDMC_DISTANCE_LOCAL || nearest > SDMC_DISTANCE_MAX)
		return SDMC_DISTANCE_DEFAULT;
	return nearest;
}

/* Whether a distance is that of a node which has one. */
static int check_same(int nid, int distance)
{
	if (distance && distance != tiers[nid].distance)
		return sdmc_refuse(-EINVAL, "node %d is at distance %d while it has memory, not %d",
				   nid, tiers[nid].distance, distance);
	return 0;
}

/*
 * Takes the type off a node when no region counts on it. It stays while memory
 * of somebody else's is online there, which needs it, and goes when the node is
 * next asked for.
 */
static void drop_unused(int nid)
{
	struct node_tier *tier = &tiers[nid];

	if (!tier->type || tier->users || node_state(nid, N_MEMORY))
		return;
	clear_node_memory_type(nid, tier->type);
	tier->type = NULL;
}

/**
 * sdmc_tier_get() - put a node that gets memory into a tier below DRAM
 * @nid: the node
 * @distance: how far it is, or 0: as far as it already is, or else as
 *	known_distance() has it
 *
 * Return: 1, and sdmc_tier_put() is due; 0 if somebody else has given the node
 * a tier, which it keeps, or the kernel has no tiers; -EINVAL (not a distance,
 * or not that of the node's other regions), -EBUSY (it has regions that are
 * hmem), -ENOMEM.
 */
int sdmc_tier_get(int nid, int distance)
{
	struct node_tier *tier = &tiers[nid];
	struct memory_dev_type *type;
	unsigned int refs;
	int ret;

	ret = check_distance(distance);
	if (ret)
		return ret;
	/* One node, no tiers: the functions below are empty ones. */
	if (!IS_ENABLED(CONFIG_NUMA))
		return 0;
	if (tier->announced)
		return sdmc_refuse(-EBUSY, "node %d has regions that are hmem: not both on a node",
				   nid);
	drop_unused(nid);
	if (tier->type) {
		ret = check_same(nid, distance);
		if (ret)
			return ret;
		tier->users++;
		return 1;
	}
	if (!distance)
		distance = known_distance(nid);

	type = mt_find_alloc_memory_type(abstract_distance(distance), &types);
	if (IS_ERR(type))
		return sdmc_refuse(PTR_ERR(type), "no memory for the tier of node %d", nid);

	/* Nobody else has our types: a new reference is the node's. */
	refs = kref_read(&type->kref);
	init_node_memory_type(nid, type);
	if (kref_read(&type->kref) == refs) {
		dev_info(sdmc.dev, "node %d stays in the tier that it has\n", nid);
		return 0;
	}
	tier->type = type;
	tier->distance = distance;
	tier->users = 1;
	return 1;
}

/**
 * sdmc_tier_put() - a region has left its node
 * @nid: the node, for which sdmc_tier_get() returned 1
 */
void sdmc_tier_put(int nid)
{
	tiers[nid].users--;
	drop_unused(nid);
}

/**
 * sdmc_tier_announce() - have kmem put a node into a tier below DRAM
 * @nid: the node
 * @distance: how far it is, or 0: as far as it already is, or else as
 *	known_distance() has it
 *
 * Return: 0, and sdmc_tier_withdraw() is due; -EINVAL as sdmc_tier_get();
 * -EBUSY (the node has memory whose tier kmem would take away).
 */
int sdmc_tier_announce(int nid, int distance)
{
	struct node_tier *tier = &tiers[nid];
	int ret;

	ret = check_distance(distance);
	if (ret)
		return ret;
	if (tier->announced) {
		ret = check_same(nid, distance);
		if (ret)
			return ret;
		tier->announced++;
		return 0;
	}
	drop_unused(nid);
	/* Without CONFIG_NUMA there is no tier that could be taken away. */
	if (IS_ENABLED(CONFIG_NUMA) && (tier->type || node_state(nid, N_MEMORY)))
		return sdmc_refuse(-EBUSY,
				   "node %d has memory whose tier kmem would take away", nid);

	tier->distance = distance ?: known_distance(nid);
	tier->announced = 1;
	WRITE_ONCE(adistances[nid], abstract_distance(tier->distance));
	return 0;
}

/**
 * sdmc_tier_withdraw() - a region is no longer kmem's to take
 * @nid: the node, for which sdmc_tier_announce() returned 0
 */
void sdmc_tier_withdraw(int nid)
{
	if (!--tiers[nid].announced)
		WRITE_ONCE(adistances[nid], 0);
}

/* kmem asks how far a node is. */
static int tell_adistance(struct notifier_block *nb, unsigned long nid, void *data)
{
	int adistance = nid < MAX_NUMNODES ? READ_ONCE(adistances[nid]) : 0;

	if (!adistance)
		return NOTIFY_DONE;
	*(int *)data = adistance;
	return NOTIFY_STOP;
}

static struct notifier_block adistance_nb = {
	.notifier_call = tell_adistance,
	.priority = 1000,	/* before what firmware says of the node, if it does */
};

/** sdmc_tier_init() - begin to tell kmem */
int sdmc_tier_init(void)
{
	return register_mt_adistance_algorithm(&adistance_nb);
}

/**
 * sdmc_tier_exit() - tell kmem no more, and let go of the types; nodes keep their
 * own references
 */
void sdmc_tier_exit(void)
{
	unregister_mt_adistance_algorithm(&adistance_nb);
	mt_put_memory_types(&types);
}
