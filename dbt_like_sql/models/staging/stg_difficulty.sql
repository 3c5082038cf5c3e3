select shard, qa_id, policy, closed_book_rate, open_book_rate, band
from {{ source('lake', 'difficulty') }}
