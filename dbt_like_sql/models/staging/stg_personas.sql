select shard, doc_id, domain, persona_index
from {{ source('lake', 'personas') }}
