-- Every parent is kept or rejected, by stage and shard. A stage that has not run on a shard yet is
-- pending; lost parents, or fates without a parent, make it broken.
with counted as (
    select
        coalesce(parents.stage, fates.stage) as stage,
        coalesce(parents.shard, fates.shard) as shard,
        count(parents.parent_id) as parents,
        count(*) filter (where parents.parent_id is not null and fates.is_kept) as kept_parents,
        count(*) filter (where parents.parent_id is not null and not fates.is_kept)
            as rejected_parents,
        count(*) filter (where fates.parent_id is null) as lost_parents,
        count(*) filter (where parents.parent_id is null) as strangers
    from {{ ref('stg_parents') }} as parents
    full join {{ ref('stg_fates') }} as fates
        on
            parents.stage = fates.stage
            and parents.shard = fates.shard
            and parents.parent_id = fates.parent_id
    group by 1, 2
)

select
    stage || '/' || shard as conservation_key,
    *,
    case
        when lost_parents + strangers = 0 then 'balanced'
        when lost_parents = parents and strangers = 0 then 'pending'
        else 'broken'
    end as status
from counted
order by stage, shard
