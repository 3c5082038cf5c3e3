select shard, doc_id, n_words
from {{ source('lake', 'raw_corpus') }}
