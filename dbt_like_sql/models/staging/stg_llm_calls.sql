select shard, stage, tokens_in, tokens_out, cached_tokens, cost, replayed
from {{ source('lake', 'llm_calls') }}
