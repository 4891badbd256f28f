// SPDX-License-Identifier: GPL-2.0
/*
 * Memory tiers: a node of remote memory belongs below DRAM, so that pages are
 * demoted to it and not from it.
 *
 * The kernel counts how often a type was put on a node but cannot be asked
 * which type a node has, and clearing a type that is not on the node, or that
 * a node with memory still needs, crashes it. So this file counts itself, and
 * touches only what it put there.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/kref.h>
#include <linux/memory-tiers.h>
#include <linux/nodemask.h>
#include <linux/numa.h>

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
 */
struct node_tier {
	struct memory_dev_type *type;
	int distance;
	unsigned int users;
};

/* All under sdmc.lock. */
static struct node_tier tiers[MAX_NUMNODES];
static LIST_HEAD(types);

/* Abstract distance grows with latency as node distance does. */
static int abstract_distance(int distance)
{
	int adistance = MEMTIER_ADISTANCE_DRAM * distance / SDMC_DISTANCE_LOCAL;

	/* A little farther would be the tier of DRAM itself. */
	return max_t(int, adistance, MEMTIER_ADISTANCE_DRAM + MEMTIER_CHUNK_SIZE);
}

/**
 * sdmc_tier_get() - put a node that gets memory into a tier below DRAM
 * @nid: the node
 * @distance: how far it is, or 0: as far as it already is, or else 20
 *
 * Return: 1, and sdmc_tier_put() is due; 0 if somebody else has given the node
 * a tier, which it keeps; -EINVAL (not a distance, or not that of the node's
 * other regions), -ENOMEM.
 */
int sdmc_tier_get(int nid, int distance)
{
	struct node_tier *tier = &tiers[nid];
	struct memory_dev_type *type;
	unsigned int refs;

	if (distance && (distance <= SDMC_DISTANCE_LOCAL || distance > SDMC_DISTANCE_MAX))
		return sdmc_refuse(-EINVAL, "distance %d is not between %d and %d", distance,
				   SDMC_DISTANCE_LOCAL + 1, SDMC_DISTANCE_MAX);
	if (tier->type) {
		if (distance && distance != tier->distance)
			return sdmc_refuse(-EINVAL,
					   "node %d is at distance %d while it has memory, not %d",
					   nid, tier->distance, distance);
		tier->users++;
		return 1;
	}
	if (!distance)
		distance = SDMC_DISTANCE_DEFAULT;

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
	struct node_tier *tier = &tiers[nid];

	if (--tier->users)
		return;
	/* Somebody else's memory is online there and needs the type. */
	if (node_state(nid, N_MEMORY))
		return;
	clear_node_memory_type(nid, tier->type);
	tier->type = NULL;
}

/** sdmc_tier_exit() - let go of the types; nodes keep their own references */
void sdmc_tier_exit(void)
{
	mt_put_memory_types(&types);
}
