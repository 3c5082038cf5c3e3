-- How many rows of a shard reached each table.
with rows_of_shards as (
    select shard, 'documents' as step from {{ ref('stg_raw_corpus') }}
    union all
    select shard, 'duplicates' from {{ ref('stg_near_duplicates') }}
    union all
    select shard, 'filtered' from {{ ref('stg_filtered_docs') }}
    union all
    select shard, 'personas' from {{ ref('stg_personas') }}
    union all
    select shard, 'pairs' from {{ ref('stg_qa_pairs') }}
    union all
    select shard, 'verified' from {{ ref('stg_verified_qa') }}
    union all
    select shard, 'clean' from {{ ref('stg_decontaminated_set') }}
    union all
    select shard, 'examples' from {{ ref('stg_rl_splits') }}
),

counted as (
    select
        shard,
        count(*) filter (where step = 'documents') as documents,
        count(*) filter (where step = 'duplicates') as duplicates,
        count(*) filter (where step = 'filtered') as filtered,
        count(*) filter (where step = 'personas') as personas,
        count(*) filter (where step = 'pairs') as pairs,
        count(*) filter (where step = 'verified') as verified,
        count(*) filter (where step = 'clean') as clean,
        count(*) filter (where step = 'examples') as examples
    from rows_of_shards
    group by shard
)

select
    shards.shard,
    shards.source,
    coalesce(counted.documents, 0) as documents,
    coalesce(counted.duplicates, 0) as duplicates,
    coalesce(counted.filtered, 0) as filtered,
    coalesce(counted.personas, 0) as personas,
    coalesce(counted.pairs, 0) as pairs,
    coalesce(counted.verified, 0) as verified,
    coalesce(counted.clean, 0) as clean,
    coalesce(counted.examples, 0) as examples
from {{ ref('stg_shards') }} as shards
left join counted on shards.shard = counted.shard
order by shards.shard
