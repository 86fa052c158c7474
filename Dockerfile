# One image for every service; docker-compose.yml says which command each one runs.
FROM python:3.13-slim AS build
WORKDIR /source
RUN python -m venv /app
COPY requirements.lock ./
RUN /app/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY digest ./digest
COPY subscribers ./subscribers
COPY templates ./templates
RUN /app/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /data digest && install -d -o digest /data
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DIGEST_CONFIG=/config/digest.toml
USER digest
# The file system may be read-only: only /data (SQLite file, outbox) is written, and nothing there with PostgreSQL and SMTP.
WORKDIR /data
VOLUME /data
EXPOSE 8000
ENTRYPOINT ["digest"]
CMD ["run", "--host", "0.0.0.0"]
