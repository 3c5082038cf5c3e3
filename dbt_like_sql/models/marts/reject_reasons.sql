-- Why rows left, by stage and shard. A parent may leave with several rejects (one per slot), so
-- the share counts parents, not rejects. Of raw_corpus the parents are its documents and rejects.
with parents as (
    select stage, shard, count(*) as parents
    from {{ ref('stg_parents') }}
    group by stage, shard
    union all
    select 'raw_corpus', shard, count(*)
    from (
        select shard from {{ ref('stg_raw_corpus') }}
        union all
        select shard from {{ ref('stg_rejects') }} where stage = 'raw_corpus'
    )
    group by shard
),

reasons as (
    select stage, shard, reason, count(*) as n_rows, count(distinct parent_id) as n_parents
    from {{ ref('stg_rejects') }}
    group by stage, shard, reason
)

select
    reasons.stage || '/' || reasons.shard || '/' || reasons.reason as reject_key,
    reasons.stage,
    shards.source,
    reasons.shard,
    reasons.reason,
    reasons.n_rows,
    parents.parents,
    reasons.n_parents / parents.parents as share_of_parents
from reasons
left join parents on reasons.stage = parents.stage and reasons.shard = parents.shard
left join {{ ref('stg_shards') }} as shards on reasons.shard = shards.shard
order by reasons.stage, reasons.shard, reasons.n_rows desc, reasons.reason
