-- How hard the pairs of a domain are for the policy, and how many of each band became examples.
select
    pairs.domain || '/' || coalesce(difficulty.band, 'unknown') as band_key,
    pairs.domain,
    coalesce(difficulty.band, 'unknown') as band,
    count(*) as pairs,
    count(examples.example_id) as examples,
    avg(difficulty.closed_book_rate) as closed_book_rate,
    avg(difficulty.open_book_rate) as open_book_rate
from {{ ref('stg_difficulty') }} as difficulty
inner join {{ ref('stg_decontaminated_set') }} as pairs
    on difficulty.shard = pairs.shard and difficulty.qa_id = pairs.qa_id
left join {{ ref('stg_rl_splits') }} as examples
    on difficulty.shard = examples.shard and difficulty.qa_id = examples.qa_id
group by pairs.domain, coalesce(difficulty.band, 'unknown')
order by pairs.domain, band
