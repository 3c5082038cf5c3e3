# The platform's image: webserver, daemon, code server and the `webscale` command.
# linux/amd64: pycld2 has no arm64 wheel, and this image carries no compiler.

FROM python:3.13.15-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /src
# The dependencies change seldom and come first; hashes make the layer reproducible.
COPY requirements.lock ./
RUN pip install --require-hashes --only-binary :all: -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY webscale_dagster ./webscale_dagster
COPY dbt_like_sql ./dbt_like_sql
RUN pip install --no-deps .

FROM python:3.13.15-slim-bookworm
# A named volume mounted on /data takes over the owner it has here.
RUN groupadd --gid 10001 webscale \
    && useradd --uid 10001 --gid webscale --home-dir /data --no-create-home \
       --shell /usr/sbin/nologin webscale \
    && install -d -o webscale -g webscale -m 0750 /data
COPY --from=build /opt/venv /opt/venv
COPY dbt_like_sql /opt/webscale/dbt_like_sql
COPY deploy/dagster.yaml deploy/workspace.yaml deploy/prepare_bucket.py /opt/webscale/
COPY --chmod=0555 deploy/entrypoint.sh /opt/webscale/entrypoint.sh
# DAGSTER_HOME holds only the configuration, so it may stay read-only; what Dagster writes goes to
# DAGSTER_STORAGE_DIR on the volume.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DAGSTER_HOME=/opt/webscale \
    DAGSTER_STORAGE_DIR=/data/dagster \
    DAGSTER_DISABLE_TELEMETRY=1 \
    DO_NOT_TRACK=1 \
    GX_ANALYTICS_ENABLED=false \
    WEBSCALE_HOME=/data
WORKDIR /opt/webscale
USER 10001:10001
EXPOSE 3000
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:3000/server_info', timeout=8)"]
ENTRYPOINT ["/opt/webscale/entrypoint.sh"]
CMD ["dagster-webserver", "--host", "0.0.0.0", "--port", "3000", "--workspace", "/opt/webscale/workspace.yaml"]
