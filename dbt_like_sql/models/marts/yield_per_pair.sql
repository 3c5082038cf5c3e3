-- Model calls, tokens and money by source and stage, and what an accepted pair cost. Replayed calls
-- were paid for in an earlier run: they count, since the pair needed them.
with calls as (
    select
        shards.source,
        coalesce(calls.stage, '{{ var("total") }}') as stage,
        count(*) as calls,
        count(*) filter (where calls.replayed) as replayed_calls,
        coalesce(sum(calls.tokens_in), 0)::bigint as tokens_in,
        coalesce(sum(calls.tokens_out), 0)::bigint as tokens_out,
        coalesce(sum(calls.cached_tokens), 0)::bigint as cached_tokens,
        coalesce(sum(calls.cost), 0) as cost
    from {{ ref('stg_llm_calls') }} as calls
    inner join {{ ref('stg_shards') }} as shards on calls.shard = shards.shard
    group by grouping sets ((shards.source, calls.stage), (shards.source))
),

accepted as (
    select shards.source, count(*) as accepted_pairs
    from {{ ref('stg_decontaminated_set') }} as pairs
    inner join {{ ref('stg_shards') }} as shards on pairs.shard = shards.shard
    group by shards.source
)

select
    calls.source || '/' || calls.stage as yield_key,
    calls.*,
    coalesce(accepted.accepted_pairs, 0) as accepted_pairs,
    (calls.tokens_in + calls.tokens_out) / accepted.accepted_pairs as tokens_per_accepted_pair,
    calls.cost / accepted.accepted_pairs as cost_per_accepted_pair
from calls
left join accepted on calls.source = accepted.source
order by calls.source, calls.stage
