select shard, doc_id, keep_doc_id
from {{ source('lake', 'near_duplicates') }}
