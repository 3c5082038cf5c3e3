-- Every row that a stage had to keep or reject: the rows of the table it was made from.
-- raw_corpus is not here: its parents are records of a file, which no table holds.
select 'filtered_docs' as stage, shard, doc_id as parent_id
from {{ ref('stg_raw_corpus') }}
union all
select 'personas', shard, doc_id
from {{ ref('stg_filtered_docs') }}
union all
select 'qa_pairs', shard, doc_id || '/' || persona_index
from {{ ref('stg_personas') }}
union all
select 'verified_qa', shard, qa_id
from {{ ref('stg_qa_pairs') }}
union all
select 'decontaminated_set', shard, qa_id
from {{ ref('stg_verified_qa') }}
union all
select 'difficulty', shard, qa_id
from {{ ref('stg_decontaminated_set') }}
union all
select 'rl_splits', shard, qa_id
from {{ ref('stg_decontaminated_set') }}
