select shard, doc_id
from {{ source('lake', 'filtered_docs') }}
