-- How many rows of a domain reached each table; a document has its domain from its personas.
with rows_of_domains as (
    select domain, 'personas' as step, shard || '/' || doc_id as document
    from {{ ref('stg_personas') }}
    union all
    select domain, 'pairs', null from {{ ref('stg_qa_pairs') }}
    union all
    select domain, 'verified', null from {{ ref('stg_verified_qa') }}
    union all
    select domain, 'clean', null from {{ ref('stg_decontaminated_set') }}
    union all
    select domain, 'examples', null from {{ ref('stg_rl_splits') }}
)

select
    domain,
    count(distinct document) as documents,
    count(*) filter (where step = 'personas') as personas,
    count(*) filter (where step = 'pairs') as pairs,
    count(*) filter (where step = 'verified') as verified,
    count(*) filter (where step = 'clean') as clean,
    count(*) filter (where step = 'examples') as examples
from rows_of_domains
group by domain
order by domain
