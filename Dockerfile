# Kulanz in a container: docker build -t kulanz .
# One image for every part: `web`, `worker`, `clock run`, `migrate`; by default `up`, which runs all of them.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/kulanz \
    && /opt/kulanz/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements.lock
COPY pyproject.toml setup.cfg PACKAGE.md LICENSE ./
COPY app app
COPY workers workers
RUN /opt/kulanz/bin/pip install --no-cache-dir --no-deps .

FROM python:${PYTHON}-slim
RUN useradd --system --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin kulanz \
    && install -d -m 0700 -o kulanz -g kulanz /var/lib/kulanz
COPY --from=build /opt/kulanz /opt/kulanz
ENV PATH=/opt/kulanz/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    KULANZ_DATA_DIR=/var/lib/kulanz \
    KULANZ_HOST=0.0.0.0
WORKDIR /var/lib/kulanz
VOLUME /var/lib/kulanz
USER 10001
EXPOSE 8000
# The web process; what has no port switches it off, as compose.yaml does.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + (os.environ.get('PORT') or '8000') + '/readyz', timeout=4)"]
# `kulanz web` hears SIGTERM, says 503 at /readyz for a second, and finishes what it has begun: give it 30 seconds.
STOPSIGNAL SIGTERM
ENTRYPOINT ["kulanz"]
CMD ["up"]
