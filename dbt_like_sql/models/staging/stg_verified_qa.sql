select shard, qa_id, doc_id, domain
from {{ source('lake', 'verified_qa') }}
