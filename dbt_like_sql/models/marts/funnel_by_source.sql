-- How many rows of a source reached each table, and how many examples a thousand documents gave.
select
    source,
    count(*) as shards,
    sum(documents)::bigint as documents,
    sum(duplicates)::bigint as duplicates,
    sum(filtered)::bigint as filtered,
    sum(personas)::bigint as personas,
    sum(pairs)::bigint as pairs,
    sum(verified)::bigint as verified,
    sum(clean)::bigint as clean,
    sum(examples)::bigint as examples,
    1000.0 * sum(examples) / nullif(sum(documents), 0) as examples_per_1000_documents
from {{ ref('funnel_by_shard') }}
group by source
order by source
