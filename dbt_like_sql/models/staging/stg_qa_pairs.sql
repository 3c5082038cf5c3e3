select shard, qa_id, doc_id, domain, persona_index
from {{ source('lake', 'qa_pairs') }}
