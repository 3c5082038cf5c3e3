select shard, source, admitted
from {{ source('lake', 'shards') }}
