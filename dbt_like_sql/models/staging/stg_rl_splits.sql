select shard, example_id, qa_id, split, domain
from {{ source('lake', 'rl_splits') }}
