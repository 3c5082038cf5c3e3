-- What became of a parent: kept (it is the parent of a kept row), or only rejected.
with kept as (
    select 'filtered_docs' as stage, shard, doc_id as parent_id
    from {{ ref('stg_filtered_docs') }}
    union all
    select 'personas', shard, doc_id
    from {{ ref('stg_personas') }}
    union all
    select 'qa_pairs', shard, doc_id || '/' || persona_index
    from {{ ref('stg_qa_pairs') }}
    union all
    select 'verified_qa', shard, qa_id
    from {{ ref('stg_verified_qa') }}
    union all
    select 'decontaminated_set', shard, qa_id
    from {{ ref('stg_decontaminated_set') }}
    union all
    select 'difficulty', shard, qa_id
    from {{ ref('stg_difficulty') }}
    union all
    select 'rl_splits', shard, qa_id
    from {{ ref('stg_rl_splits') }}
),

fates as (
    select stage, shard, parent_id, true as is_kept
    from kept
    union all
    select stage, shard, parent_id, false
    from {{ ref('stg_rejects') }}
    where stage not in ('raw_corpus', 'benchmarks')
)

select stage, shard, parent_id, bool_or(is_kept) as is_kept
from fates
group by stage, shard, parent_id
