-- Rejects with the shard of the row they descend from: those of rl_splits, which is made of all
-- shards at once, carry an empty one, and their parent tells it.
select
    rejects.stage,
    coalesce(pairs.shard, rejects.shard) as shard,
    rejects.row_id,
    rejects.parent_id,
    rejects.reason
from {{ source('lake', 'rejects') }} as rejects
left join {{ ref('stg_decontaminated_set') }} as pairs
    on
        rejects.shard = ''
        and rejects.stage = 'rl_splits'
        and rejects.parent_id = pairs.qa_id
